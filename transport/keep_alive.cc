#include "transport/keep_alive.h"

#include "transport/replies.h"

namespace hotlap::transport {

KeepAlive::KeepAlive(zmq::context_t& context, const std::string& endpoint, const Token& token,
                     std::chrono::milliseconds interval) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  // While the server is away, pings are dropped instead of piled up.
  socket.set(zmq::sockopt::sndhwm, 2);
  socket.connect(endpoint);
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
    socket.send(zmq::buffer(EncodeRequest(ping)), zmq::send_flags::dontwait);
    zmq::message_t reply;
    while (socket.recv(reply, zmq::recv_flags::dontwait)) {
      if (reply.more()) continue;
      const auto status =
          DecodeReplyStatus({static_cast<const std::byte*>(reply.data()), reply.size()});
      if (status && status->status == Status::kInvalidKey) session_is_lost_.store(true);
    }
    lock.lock();
    stopped_.wait_for(lock, interval, [this] { return stopping_; });
  }
}

}  // namespace hotlap::transport
