//! PURE. Values become a document, a document becomes text.
