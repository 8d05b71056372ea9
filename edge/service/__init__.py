"""Running unattended: the systemd unit, how it is installed, and what the app tells systemd."""
