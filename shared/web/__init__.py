"""The HTTP edge of both services. It turns bytes into a `Request` for an endpoint, and a `Response` into bytes."""
