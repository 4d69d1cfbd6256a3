"""The HTTP side of the app: images, labels, review and browsing, as small JSON routes under /sdpt/."""
