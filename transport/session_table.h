// Sessions: who they are, how long they live unheard, and what has become of each of their
// requests. Known by token, never by connection. Lives on the server's thread; time is passed in.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "env/deadline.h"
#include "transport/message_board.h"
#include "transport/outbox.h"
#include "transport/protocol.h"
#include "transport/reply.h"
#include "transport/row_watch.h"
#include "transport/session_status.h"
#include "transport/traffic.h"
#include "transport/work.h"

namespace hotlap::transport {

class AttachedEnvironment;

struct SessionSettings {
  int max_sessions = 100;
  std::chrono::milliseconds timeout{5000};  // without any message, unless its client asks for ..
  std::chrono::milliseconds min_timeout{1000}, max_timeout{60000};  // .. one within these
  std::chrono::milliseconds handshake_timeout{2000};  // from its hello to its first message
  std::chrono::milliseconds message_timeout{
      1000};                                     // without a reply, or of an event not acknowledged
  std::chrono::milliseconds lease_grace{30000};  // in which a dropped session keeps its rows
  int window = 4;  // requests in flight beside the goodbye, and latest replies kept for repeats

  // Of a session whose client asks for `asked`.
  std::chrono::milliseconds TimeoutFor(std::optional<std::chrono::milliseconds> asked) const;
  std::chrono::milliseconds shortest_timeout() const;  // that any session may have
};

enum class Opening { kNew, kResumed, kRepeated };  // what a hello did to its session

// What the socket's thread knows of a session. `environment` belongs to the workers while
// `running`, else to the socket's thread.
struct Session {
  Token token{};
  Token key{};
  std::string public_id;     // for logs: says nothing of the token
  std::uint64_t number = 0;  // grows by one per session of a server; owner of its snapshots
  std::string nick;          // of its client's choice; may be empty

  SessionStatus status = SessionStatus::kConnecting;
  std::chrono::milliseconds timeout{0};
  std::string identity;             // where its latest id came from last, and so where replies go
  std::uint64_t hello_id = 0;       // of its latest hello, ..
  std::uint64_t hello_last_id = 0;  // .. what last_id was then, ..
  Opening opening = Opening::kNew;  // .. and what it did
  Deadline last_heard;
  Deadline dropped_at;

  std::uint64_t last_id = 0;     // the latest admitted
  std::uint64_t unanswered = 0;  // of those
  WorkQueue waiting;  // of those, what is not running yet; workers take it while `running`
  bool running = false;
  bool is_ended_by_us = false;   // when all that it asked for is answered
  bool waits_for_games = false;  // `running`, but with no worker: its attach waits for a loan
  std::deque<Reply> replies;     // of the ids up to last_id - unanswered, oldest first
  int rows = 0;                  // of `environment`, as of the latest time that it was not running
  std::unique_ptr<AttachedEnvironment> environment;

  // Of the client that said hello; empty where it is not known.
  std::string address;   // IP
  std::string key_name;  // of its CURVE key
  Deadline opened_at;
  double latency_us = 0;  // round trip of its pings, as its client tells it, smoothed; 0: untold
  Traffic traffic;
  // Written by whoever runs its requests.
  const std::shared_ptr<RowWatch> watch = std::make_shared<RowWatch>();
  std::atomic<std::uint64_t> steps{0};  // of rows, since it was opened
  PostAllowance post_allowance;
  Outbox outbox;
  std::string listener;          // where its events go; empty: nobody listens
  Deadline told_expiring_since;  // last_heard then; told once for each

  Session();
  ~Session();
};

class SessionTable {
 public:
  explicit SessionTable(const SessionSettings& settings) : settings_(settings) {}

  // A new session for the key, the one that this very hello opened, or the dropped one of the key,
  // which goes on under a new token: the old one is nobody's, whoever still has it.
  // kAlreadyConnected when the key's session lives; kInvalidKey when there is none and the hello
  // resumes one; kServerFull.
  tl::expected<std::shared_ptr<Session>, Refusal> Open(const Request& hello, Deadline now);
  // The session of the token, now heard of, which makes a dropped one go on; nullptr when there is
  // none.
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
  // Of the sessions not heard of for too long, but none with a request unanswered, unless that is
  // an attach that waits for games: drops those with
  // rows, and takes out those without and those whose grace is over. To be called several times
  // within the shortest timeout: after a longer absence of the caller nobody is dropped at once,
  // because what came meanwhile may not have been read yet.
  struct Silent {
    std::vector<std::shared_ptr<Session>> dropped, gone;
  };
  Silent Expire(Deadline now);
  std::vector<std::shared_ptr<Session>> CloseAll();

  std::size_t size() const { return by_token_.size(); }
  struct Dropped {
    int sessions = 0, rows = 0;
  };
  Dropped dropped() const;
  std::vector<std::shared_ptr<Session>> All() const;  // oldest first, so by number
  bool Contains(const Session& session) const { return by_token_.contains(session.token); }

 private:
  struct TokenHash {
    std::size_t operator()(const Token& token) const;
  };

  bool IsSilent(const Session& session, Deadline now) const;
  void Begin(const std::shared_ptr<Session>& session, const Request& hello, Deadline now);

  SessionSettings settings_;
  std::uint64_t last_number_ = 0;
  Deadline last_look_{};  // of Expire
  std::unordered_map<Token, std::shared_ptr<Session>, TokenHash> by_token_;
};

}  // namespace hotlap::transport
