"""Programs that other systems run beside this product. They import `contracts`, and nothing else of ours."""
