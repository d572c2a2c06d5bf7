// A line between clients and a server that a test can cut.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "transport/uninterrupted.h"

namespace hotlap::transport {

// Carries messages both ways between each client's connection and one of its own to the server.
class Ferry {
 public:
  static constexpr const char* kEndpoint = "inproc://ferry";

  // `carries` is asked for every message, on the ferry's thread.
  Ferry(
      zmq::context_t& context, const std::string& endpoint,
      std::function<bool()> carries = [] { return true; })
      : context_(context), endpoint_(endpoint), carries_(std::move(carries)) {
    front_.bind(kEndpoint);
    thread_ = std::thread([this] { Run(); });
  }
  ~Ferry() {
    is_over_ = true;
    thread_.join();
  }

  // From now on nothing is carried, until Mend.
  void Cut() { is_cut_ = true; }
  void Mend() { is_cut_ = false; }
  // Likewise on the connections that there are, for ever: as a peer that went without a word leaves
  // them. New ones work.
  void CutThese() {
    const std::lock_guard lock(mutex_);
    for (const auto& [identity, back] : backs_) cut_.insert(identity);
  }
  std::size_t num_connections() const {
    const std::lock_guard lock(mutex_);
    return backs_.size();
  }

 private:
  using Frames = std::vector<zmq::message_t>;

  void Run() {
    while (!is_over_) {
      std::vector<zmq::pollitem_t> items = {{front_.handle(), 0, ZMQ_POLLIN, 0}};
      for (auto& [identity, back] : backs_) items.push_back({back.handle(), 0, ZMQ_POLLIN, 0});
      Poll(items, DeadlineIn(std::chrono::milliseconds(5)));
      const std::lock_guard lock(mutex_);
      for (Frames frames; Receive(front_, frames);) {
        const std::string identity = frames[0].to_string();
        frames.erase(frames.begin());
        Carry(identity, std::move(frames), BackOf(identity));
      }
      for (auto& [identity, back] : backs_) {
        for (Frames frames; Receive(back, frames);) {
          frames.emplace(frames.begin(), identity.data(), identity.size());
          Carry(identity, std::move(frames), front_);
        }
      }
    }
  }
  zmq::socket_t& BackOf(const std::string& identity) {
    const auto found = backs_.find(identity);
    if (found != backs_.end()) return found->second;
    zmq::socket_t back(context_, zmq::socket_type::dealer);
    back.set(zmq::sockopt::linger, 0);
    back.connect(endpoint_);
    return backs_.emplace(identity, std::move(back)).first->second;
  }
  static bool Receive(zmq::socket_t& socket, Frames& frames) {
    frames.clear();
    zmq::message_t frame;
    do {
      if (!ReceiveFrame(socket, frame)) return false;
      frames.push_back(std::move(frame));
    } while (frames.back().more());
    return true;
  }
  void Carry(const std::string& identity, Frames frames, zmq::socket_t& to) {
    if (is_cut_ || cut_.contains(identity) || !carries_()) return;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      SendFrame(to, std::move(frames[i]), i + 1 < frames.size());
    }
  }

  zmq::context_t& context_;
  const std::string endpoint_;
  const std::function<bool()> carries_;
  zmq::socket_t front_{context_, zmq::socket_type::router};
  mutable std::mutex mutex_;
  std::map<std::string, zmq::socket_t> backs_;  // by the identity of the client's connection
  std::set<std::string> cut_;
  std::atomic<bool> is_cut_{false}, is_over_{false};
  std::thread thread_;
};

}  // namespace hotlap::transport
