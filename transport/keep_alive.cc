#include "transport/keep_alive.h"

#include <algorithm>
#include <utility>

#include "transport/replies.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {

KeepAlive::KeepAlive(zmq::context_t& context, const KeepAliveSettings& settings) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  // While the server is away, pings are dropped instead of piled up.
  socket.set(zmq::sockopt::sndhwm, 2);
  Uninterrupted([&] { socket.connect(settings.endpoint); });
  thread_ = std::thread(
      [this, socket = std::move(socket), settings]() mutable { Run(std::move(socket), settings); });
}

KeepAlive::~KeepAlive() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void KeepAlive::SetServerIsLost(bool is_lost) {
  if (server_is_lost_.exchange(is_lost) == is_lost) return;
  if (is_lost) {
    lost_.Wake();
  } else {
    lost_.Take();
  }
}

void KeepAlive::Run(zmq::socket_t socket, const KeepAliveSettings& settings) {
  Request ping;
  ping.operation = Operation::kPing;
  ping.token = settings.token;
  Clock::duration silence{0};
  Clock::time_point last_turn = Clock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    bool is_heard = was_heard_.exchange(false, std::memory_order_relaxed);
    if (!is_heard) {
      ++ping.id;
      const std::string header = EncodeRequest(ping);
      SendFrame(socket, zmq::message_t(header.data(), header.size()), false);
    }
    zmq::message_t reply;
    while (ReceiveFrame(socket, reply)) {
      if (reply.more()) continue;
      is_heard = true;
      const auto status = DecodeReplyStatus(BytesOf(reply));
      if (status && status->status == Status::kInvalidKey) session_is_lost_.store(true);
    }
    // A turn that took longer was this process's own absence, which says nothing of the server.
    const Clock::time_point now = Clock::now();
    const Clock::duration passed =
        std::min<Clock::duration>(now - std::exchange(last_turn, now), 2 * settings.interval);
    silence = is_heard ? Clock::duration(0) : silence + passed;
    SetServerIsLost(silence >= settings.timeout - settings.interval);
    lock.lock();
    stopped_.wait_for(lock, settings.interval, [this] { return stopping_; });
  }
}

}  // namespace hotlap::transport
