//! Hypotheses -> bids -> one verdict.
