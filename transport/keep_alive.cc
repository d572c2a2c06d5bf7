#include "transport/keep_alive.h"

#include "transport/replies.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {

KeepAlive::KeepAlive(zmq::context_t& context, const std::string& endpoint, const Token& token,
                     std::chrono::milliseconds interval) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  // While the server is away, pings are dropped instead of piled up.
  socket.set(zmq::sockopt::sndhwm, 2);
  Uninterrupted([&] { socket.connect(endpoint); });
  thread_ = std::thread([this, socket = std::move(socket), token, interval]() mutable {
    Run(std::move(socket), token, interval);
  });
}

KeepAlive::~KeepAlive() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void KeepAlive::Run(zmq::socket_t socket, const Token& token, std::chrono::milliseconds interval) {
  Request ping;
  ping.operation = Operation::kPing;
  ping.token = token;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    ++ping.id;
    const std::string header = EncodeRequest(ping);
    SendFrame(socket, zmq::message_t(header.data(), header.size()), false);
    zmq::message_t reply;
    while (ReceiveFrame(socket, reply)) {
      if (reply.more()) continue;
      const auto status = DecodeReplyStatus(BytesOf(reply));
      if (status && status->status == Status::kInvalidKey) session_is_lost_.store(true);
    }
    lock.lock();
    stopped_.wait_for(lock, interval, [this] { return stopping_; });
  }
}

}  // namespace hotlap::transport
