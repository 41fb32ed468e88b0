//! The only room that talks to the kernel: thin typed wrappers, one file a primitive.
