"""Pictures of flows: `flow_pictures` decides what is shown, `canvas` and `off_screen` colour it. Imports nothing."""
