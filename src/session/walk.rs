//! The state machine of a learner who walks through a lab.
