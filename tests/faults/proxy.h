// Stands between learners and a server, one front for each learner, and passes their messages on;
// or loses, delays, doubles or reorders them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "env/deadline.h"

namespace hotlap::faults {

enum class ProxyMode : std::uint8_t { kPass, kCut, kDelay, kDuplicate, kReorder };

class Proxy {
 public:
  // Listens on loopback once for each learner.
  Proxy(int learners, std::string server_endpoint, std::uint64_t seed);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  const std::string& endpoint(int learner) const { return At(learner).endpoint; }
  // From now on; a cut also closes the learner's connections to the server. From any thread.
  void Set(int learner, ProxyMode mode) { At(learner).mode = mode; }

 private:
  using Frames = std::vector<zmq::message_t>;
  struct Back {  // what one connection of a learner has become at the server
    zmq::socket_t socket;
    Deadline last_used;
  };
  struct Learner {
    std::string endpoint;
    zmq::socket_t front;
    std::atomic<ProxyMode> mode{ProxyMode::kPass};
    std::map<std::string, Back> backs;  // by identity of the connection
    Deadline last_due[2]{};             // of delayed messages: to the learner, to the server
  };
  struct Message {
    Learner* learner;
    std::string identity;
    bool to_server;
    Frames frames;
  };

  Learner& At(int learner) const { return *learners_[static_cast<std::size_t>(learner)]; }
  void Run();
  void Take(Message message);
  void Deliver(Message& message);
  void CloseUnused();
  Back& BackOf(Learner& learner, const std::string& identity);
  std::chrono::milliseconds Within(int limit_ms);

  const std::string server_endpoint_;
  zmq::context_t context_;
  std::vector<std::unique_ptr<Learner>> learners_;
  std::multimap<Deadline, Message> held_;
  std::mt19937_64 random_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

}  // namespace hotlap::faults
