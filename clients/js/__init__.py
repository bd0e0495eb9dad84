"""The JavaScript client `@authsession/client`: its sources in TypeScript, and the built package in `dist/`."""
