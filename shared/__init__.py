"""Code that both processes use. It never imports `services`."""
