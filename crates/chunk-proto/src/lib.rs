//! Messages as numbered chunks: compression, out-of-order reassembly under budgets, progress.
