// What ZeroMQ guarantees and ThreadSanitizer cannot see, because Debian's libzmq is not
// instrumented: what was written to a message before it was sent is seen by who received it, also
// when both are threads of one process.
#pragma once

#include <zmq.hpp>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace hotlap::transport {

// Call on a message about to be sent.
inline void HandOver([[maybe_unused]] const zmq::message_t& message) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(const_cast<void*>(message.data()));
#endif
}

// Call on a message just received.
inline void TakeOver([[maybe_unused]] const zmq::message_t& message) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(const_cast<void*>(message.data()));
#endif
}

}  // namespace hotlap::transport
