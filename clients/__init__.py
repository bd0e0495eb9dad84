"""What others run beside this product. Imports `contracts`, and nothing else of ours."""
