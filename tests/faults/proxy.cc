#include "tests/faults/proxy.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace hotlap::faults {
namespace {

using namespace std::chrono_literals;

constexpr int kLongestDelayMs = 300;
constexpr int kLongestDisorderMs = 100;
constexpr auto kUnusedAfter = 5s;
constexpr auto kLongestPoll = 10ms;

}  // namespace

Proxy::Proxy(int learners, std::string server_endpoint, std::uint64_t seed)
    : server_endpoint_(std::move(server_endpoint)), random_(seed) {
  for (int i = 0; i < learners; ++i) {
    auto learner = std::make_unique<Learner>();
    learner->front = zmq::socket_t(context_, zmq::socket_type::router);
    learner->front.set(zmq::sockopt::linger, 0);
    learner->front.bind("tcp://127.0.0.1:*");
    learner->endpoint = learner->front.get(zmq::sockopt::last_endpoint);
    learners_.push_back(std::move(learner));
  }
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  is_over_ = true;
  thread_.join();
}

std::chrono::milliseconds Proxy::Within(int limit_ms) {
  return std::chrono::milliseconds(random_() % static_cast<unsigned>(limit_ms));
}

Proxy::Back& Proxy::BackOf(Learner& learner, const std::string& identity) {
  auto found = learner.backs.find(identity);
  if (found == learner.backs.end()) {
    Back back{zmq::socket_t(context_, zmq::socket_type::dealer), Clock::now()};
    back.socket.set(zmq::sockopt::linger, 0);
    back.socket.set(zmq::sockopt::reconnect_ivl, 20);
    back.socket.set(zmq::sockopt::reconnect_ivl_max, 100);
    back.socket.connect(server_endpoint_);
    found = learner.backs.emplace(identity, std::move(back)).first;
  }
  found->second.last_used = Clock::now();
  return found->second;
}

void Proxy::Deliver(Message& message) {
  Frames& frames = message.frames;
  zmq::socket_t* to = &message.learner->front;
  if (message.to_server) {
    to = &BackOf(*message.learner, message.identity).socket;
  } else if (!to->send(zmq::buffer(message.identity),
                       zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
    return;
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    if (!to->send(frames[i], more | zmq::send_flags::dontwait)) return;  // nobody takes it
  }
}

void Proxy::Take(Message message) {
  const Deadline now = Clock::now();
  Deadline due = now;
  switch (message.learner->mode.load()) {
    case ProxyMode::kPass:
      break;
    case ProxyMode::kCut:
      message.learner->backs.clear();
      return;
    case ProxyMode::kDelay: {
      Deadline& last = message.learner->last_due[message.to_server ? 1 : 0];
      due = last = std::max(last, now + Within(kLongestDelayMs));
      break;
    }
    case ProxyMode::kDuplicate: {
      Message copy{message.learner, message.identity, message.to_server, {}};
      for (zmq::message_t& frame : message.frames) {
        copy.frames.emplace_back(frame.data(), frame.size());
      }
      held_.emplace(now + Within(kLongestDelayMs), std::move(copy));
      break;
    }
    case ProxyMode::kReorder:
      due = now + Within(kLongestDisorderMs);
      break;
  }
  if (due > now) {
    held_.emplace(due, std::move(message));
  } else {
    Deliver(message);
  }
}

void Proxy::CloseUnused() {
  const Deadline now = Clock::now();
  for (const auto& learner : learners_) {
    std::erase_if(learner->backs,
                  [&](const auto& back) { return now - back.second.last_used > kUnusedAfter; });
  }
}

void Proxy::Run() {
  struct Source {
    Learner* learner;
    std::string identity;  // empty: the front
    zmq::socket_t* socket;
  };
  while (!is_over_) {
    while (!held_.empty() && held_.begin()->first <= Clock::now()) {
      Message message = std::move(held_.begin()->second);
      held_.erase(held_.begin());
      if (message.learner->mode != ProxyMode::kCut) Deliver(message);
    }
    CloseUnused();
    std::vector<Source> sources;
    for (const auto& learner : learners_) {
      sources.push_back({learner.get(), "", &learner->front});
      for (auto& [identity, back] : learner->backs) {
        sources.push_back({learner.get(), identity, &back.socket});
      }
    }
    std::vector<zmq::pollitem_t> items;
    items.reserve(sources.size());
    for (const Source& source : sources) {
      items.push_back({source.socket->handle(), 0, ZMQ_POLLIN, 0});
    }
    zmq::poll(items, kLongestPoll);
    std::vector<Message> arrived;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if ((items[i].revents & ZMQ_POLLIN) == 0) continue;
      Message message{sources[i].learner, sources[i].identity, sources[i].identity.empty(), {}};
      zmq::message_t frame;
      do {
        if (!sources[i].socket->recv(frame, zmq::recv_flags::dontwait)) break;
        message.frames.push_back(std::move(frame));
      } while (message.frames.back().more());
      if (message.to_server && !message.frames.empty()) {
        message.identity = message.frames.front().to_string();
        message.frames.erase(message.frames.begin());
      }
      if (!message.frames.empty()) arrived.push_back(std::move(message));
    }
    for (Message& message : arrived) Take(std::move(message));
  }
}

}  // namespace hotlap::faults
