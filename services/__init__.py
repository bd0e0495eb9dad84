"""The two deployables. They never import each other."""
