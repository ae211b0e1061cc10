"""Words, documents and pages for every result; nothing here prints."""
