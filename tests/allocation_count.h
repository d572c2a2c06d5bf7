// How often this program has taken memory, for tests that a step takes none. Linked into every test
// program. Always 0 with ThreadSanitizer.
#pragma once

namespace hotlap {

long NumAllocations();          // of all threads
long NumAllocationsOfThread();  // of the calling thread
long NumAlignedAllocations();   // of all threads, with an alignment of their own: those of arrays

}  // namespace hotlap
