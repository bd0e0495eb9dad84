"""Published configuration: subjects with a draft, versions and an active version, and the signed manifests of pools."""
