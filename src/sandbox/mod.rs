//! Runs a plan for real: rootfs, launch, supervise, observe, clean up.
