// Who may talk to a server: clients whose public keys lie in a folder (CURVE), from addresses that
// are not in the block list. ZeroMQ asks at every connection, on a thread of its own; the server
// asks again at every message, so that a change holds for connections that are there already.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "transport/access_log.h"
#include "transport/address_list.h"
#include "transport/curve_keys.h"
#include "transport/event_fd.h"
#include "transport/zap.h"

namespace hotlap::transport {

struct SecuritySettings {
  std::filesystem::path server_key;       // secret key of the server; empty: no CURVE
  std::filesystem::path allowed_clients;  // folder of public keys, NAME.pub; REQUIRED with that one
  std::filesystem::path blocked;          // file of an AddressList; empty: nobody is
  std::filesystem::path access_log;       // empty: none
  bool is_insecure = false;               // every endpoint may be bound without keys

  bool has_curve() const { return !server_key.empty(); }
  bool wants_admission() const { return has_curve() || !blocked.empty(); }
};

// Whether only this machine can reach it: loopback, ipc://, inproc://.
bool IsLocal(const std::string& endpoint);

// Throws std::runtime_error when one of the endpoints can be reached from elsewhere without a key,
// unless that is what the settings want.
void CheckEndpoints(std::span<const std::string> endpoints, const SecuritySettings& settings);

class Admission {
 public:
  // REQUIRES: settings.wants_admission(), and nobody else who answers ZAP in the context, which it
  // does not outlive. Throws std::runtime_error naming the file that is wrong. The log may be null.
  Admission(zmq::context_t& context, SecuritySettings settings, AccessLog* log);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // Answers no more, so that the context may be closed. One caller at a time.
  void Stop();

  // Before the socket binds.
  void Guard(zmq::socket_t& socket) const;

  // Whether the peer that this frame came from may talk (still). From any thread.
  bool Admits(const zmq::message_t& frame) const;
  // The name of the client's key; empty without one. From any thread.
  std::string ClientName(const zmq::message_t& frame) const;

  // Reads both lists again, as it also does within a second when a file of theirs changes. What is
  // wrong then is logged, and the old list holds. From any thread and from signal handlers.
  void Reload() const { wakeup_.Wake(); }
  std::uint64_t num_reloads() const { return num_reloads_.load(); }  // that changed the lists

 private:
  struct Lists {
    std::map<std::string, std::string, std::less<>> names;  // by public key
    AddressList blocked;
  };

  Lists Load() const;
  std::string Signature() const;
  void Run(zmq::socket_t socket);
  void LookForChanges(bool is_asked);
  void AnswerAll(zmq::socket_t& socket);
  ZapAnswer Judge(const ZapRequest& request);

  const SecuritySettings settings_;
  AccessLog* const log_;
  std::optional<KeyPair> keys_;  // the server's
  mutable std::mutex mutex_;
  Lists lists_;            // under the mutex
  std::string signature_;  // of the files as loaded; of the thread
  std::atomic<std::uint64_t> num_reloads_{0};
  std::atomic<bool> stopping_{false};
  EventFd wakeup_;
  std::thread thread_;
};

// What ZeroMQ knows of the peer that a frame came from; empty where it knows nothing (inproc://).
std::string PeerAddress(const zmq::message_t& frame);

}  // namespace hotlap::transport
