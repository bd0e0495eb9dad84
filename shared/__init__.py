"""What both processes need; never imports `services`."""
