// Sessions: who they are, how long they live unheard, and what has become of each of their
// requests. Known by token, never by connection. Lives on the server's thread; time is passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "env/deadline.h"
#include "transport/protocol.h"
#include "transport/reply.h"
#include "transport/work.h"

namespace hotlap::transport {

class AttachedEnvironment;

struct SessionSettings {
  int max_sessions = 100;
  std::chrono::milliseconds timeout{5000};  // without any message
  int window = 4;  // requests in flight beside the goodbye, and latest replies kept for repeats
};

// What the socket's thread knows of a session. `environment` belongs to the workers while
// `running`, else to the socket's thread.
struct Session {
  Token token{};
  Token key{};
  std::string public_id;     // for logs: says nothing of the token
  std::uint64_t number = 0;  // grows by one per session of a server; owner of its snapshots

  std::string identity;  // where its latest id came from last, and so where replies go
  std::uint64_t hello_id = 0;
  Deadline last_heard;

  std::uint64_t last_id = 0;     // the latest admitted
  std::uint64_t unanswered = 0;  // of those
  WorkQueue waiting;  // of those, what is not running yet; workers take it while `running`
  bool running = false;
  bool closing = false;       // its goodbye is admitted: nothing follows
  std::deque<Reply> replies;  // of the ids up to last_id - unanswered, oldest first
  std::unique_ptr<AttachedEnvironment> environment;

  Session();
  ~Session();
};

class SessionTable {
 public:
  explicit SessionTable(const SessionSettings& settings) : settings_(settings) {}

  // A new session for the key, or the one that this hello opened already.
  // kServerFull; kAlreadyConnected when that one has been used or was opened by another hello.
  tl::expected<std::shared_ptr<Session>, Refusal> Open(const Token& key, std::uint64_t hello_id,
                                                       Deadline now);
  // The living session of the token, now heard of; nullptr when there is none.
  std::shared_ptr<Session> Hear(const Token& token, Deadline now);

  enum class Admission {
    kNew,     // the next id: counted from now on, to be run
    kRepeat,  // answered already: `Kept` has the reply
    kJoined,  // admitted already and not answered yet: its reply will come
  };
  // A goodbye, which ends the session, is admitted beyond the window too, for who leaves does not
  // read first. kStale, kGap, kBusy; kInvalidKey for whatever is new after the goodbye.
  tl::expected<Admission, Refusal> Admit(Session& session, std::uint64_t id,
                                         bool is_goodbye = false) const;
  Reply& Kept(Session& session, std::uint64_t id) const;
  // Keeps the reply of the oldest unanswered request; the session counts as heard of, because its
  // client may have been waiting all the while.
  void Answer(Session& session, Reply reply, Deadline now) const;

  void Close(Session& session);  // takes it out
  // Takes out the sessions not heard of for too long, but none with a request unanswered. To be
  // called several times within the timeout: after a longer absence of the caller nobody is taken
  // out at once, because what came meanwhile may not have been read yet.
  std::vector<std::shared_ptr<Session>> Expire(Deadline now);
  std::vector<std::shared_ptr<Session>> CloseAll();

  std::size_t size() const { return by_token_.size(); }

 private:
  struct TokenHash {
    std::size_t operator()(const Token& token) const;
  };

  SessionSettings settings_;
  std::uint64_t last_number_ = 0;
  Deadline last_look_{};  // of Expire
  std::unordered_map<Token, std::shared_ptr<Session>, TokenHash> by_token_;
};

}  // namespace hotlap::transport
