//! What an errno means *here*: one table from the call, the errno and what is known, to the meaning and the mend.
