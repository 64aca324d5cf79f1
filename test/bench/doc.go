// Package bench measures the SCIM server in one process: the real handler on the real store. What is answered from the cache runs on
// controller-runtime's own cache, filled from memory, so that fifty thousand users cost no fifty thousand writes; what reads or
// writes live runs against a real API server. `make bench` runs everything; BENCH_LARGE=1 fills the API server with 50,000 users
// where 1,000 are the default. docs/benchmarks.md has the results.
package bench
