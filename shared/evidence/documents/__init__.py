"""What people read about the controls, written from the settings in force."""
