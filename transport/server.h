// The server: a ROUTER socket, its sessions and the threads that run their requests. The thread
// that calls Run owns the socket and never waits for a game: a lone small request on simulated rows
// runs right there, everything else goes to workers, one request of a session at a time, first
// come, first served.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "env/snapshot_store.h"
#include "transport/access_log.h"
#include "transport/attached_environment.h"
#include "transport/catalogue.h"
#include "transport/connection_watch.h"
#include "transport/event.h"
#include "transport/event_fd.h"
#include "transport/event_handler.h"
#include "transport/game_pool.h"
#include "transport/log_lines.h"
#include "transport/message_board.h"
#include "transport/security.h"
#include "transport/service_replies.h"
#include "transport/session_table.h"
#include "transport/short_wait.h"
#include "transport/workers.h"

namespace hotlap::transport {

struct ServerSettings {
  std::vector<std::string> endpoints;  // tcp://, ipc://, inproc://; a * port or path is filled in
  SessionSettings sessions;
  int max_rows = 8192;                                  // of a session
  std::size_t snapshot_bytes = std::size_t{256} << 20;  // of all sessions
  std::size_t transfer_bytes = std::size_t{4} << 20;    // of one export or import at most
  std::size_t kept_bytes = std::size_t{16} << 20;       // of states that one session's rows keep
  int threads = 1;                                      // that compute simulated rows
  // What the socket's thread runs itself at most, ten times that for the only session that asks; 0:
  // nothing.
  double inline_limit_us = 20;
  std::chrono::milliseconds stop_within{600};   // for what runs when the server is stopped
  std::function<Deadline()> now = &Clock::now;  // by which sessions expire
  std::shared_ptr<const LogLines> logs{};       // what `logs` tells; null: nothing
  std::size_t chat_size = 10;       // messages between clients that are kept, at most kMaxBoardSize
  std::string admin_key{};          // who has it is the administrator; empty: nobody is
  EventHandler* handler = nullptr;  // outlives the server; null: nobody wants to hear
  std::chrono::nanoseconds tick_interval =
      std::chrono::milliseconds(100);  // of its Update; 0: none
  SecuritySettings security{};
};

class Server {
 public:
  // Binds. Throws std::runtime_error naming the endpoint, or the file of the security settings that
  // is wrong. The catalogue, the pool and the context outlive the server; without a context it has
  // one of its own (inproc:// needs a shared one).
  Server(const ServerSettings& settings, Catalogue& catalogue, GamePool& games,
         zmq::context_t* context = nullptr);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::vector<std::string>& endpoints() const { return endpoints_; }  // as bound

  // Serves until Stop: then refuses what comes, finishes what runs, gives every game back and
  // closes the socket. False: something still ran after ServerSettings::stop_within, as a step does
  // whose game has gone silent; the server's destructor waits for it.
  bool Run();
  // From any thread and from signal handlers.
  void Stop();
  // Reads the keys of clients and the block list again, and goes on in a new access log if the old
  // one was moved away. From any thread and from signal handlers.
  void Reload();

  // Of the handler's Update, from now on; 0: none. From any thread.
  void set_tick_interval(std::chrono::nanoseconds interval);

  // From any thread, for operators and tests.
  struct Counters {
    std::uint64_t messages = 0;   // received
    std::uint64_t malformed = 0;  // of those, refused before a session was looked for
    std::uint64_t inline_runs = 0;
    std::uint64_t sessions = 0;  // now
    std::uint64_t dropped = 0;   // of those, kept for clients that are not heard of
    std::uint64_t barred = 0;   // messages of peers that may not talk (any more): not counted above
    std::uint64_t cut = 0;      // connections that were, see ConnectionWatch
    std::uint64_t reloads = 0;  // of the lists of who may
  };
  Counters counters() const;

 private:
  friend class SessionHandle;
  struct Message;   // as received
  struct Finished;  // work that came back
  struct Waiting {  // an attach, until there are games for it
    std::shared_ptr<Session> session;
    std::shared_ptr<Work> work;
  };
  struct Notice {               // an event on its way from a worker
    std::uint64_t session = 0;  // number; 0: of all
    Event event;
  };

  void ReceiveAll();
  bool Receive(Message& message);
  void Handle(Message message);
  void HandleHello(const Request& request, const Message& message);
  void HandleSpec(const Request& request, const std::string& identity,
                  Session& session);  // uncounted
  void SendStatus(const Message& message, std::uint64_t id, const Refusal& refusal,
                  Session* session = nullptr);
  // In the access log.
  void LogRefusal(Status status, const std::string& address, const Session* session,
                  std::optional<Operation> operation);
  void LogSession(const char* event, const Session& session);
  // `session`: whose traffic it is, if anybody's.
  void Send(const std::string& identity, Reply& reply, Session* session = nullptr);

  // What is not counted (server_questions.cc). Changes nothing of any session's rows.
  void Answer(const std::string& identity, const Work& question, Session& asker);
  Reply AnswerSessions(const Request& question) const;
  Reply AnswerInstances(const Request& question);
  tl::expected<Reply, Refusal> AnswerStates(const Work& question);
  Reply AnswerLogs(const Request& question) const;
  Reply AnswerStats(const Request& question, const Session& asker) const;
  // Has the watch of a session's rows looked at: what it shows is as late as can be told without
  // waiting for what runs.
  void LookAt(Session& session);
  void StopWatching();  // rows that nobody has asked about for long

  void Dispatch();
  bool RunsHere(const Session& session, const Work& work) const;
  void Give(const std::shared_ptr<Session>& session, const std::shared_ptr<Work>& work);
  // Nothing: it is an attach that waits on for games.
  std::optional<Reply> RunWork(Session& session, Work& work);
  std::optional<Reply> RunOperation(Session& session, Work& work);
  std::optional<Reply> RunAttach(Session& session, Work& work);
  Reply Describe(const Request& request) const;  // an environment
  static Reply DescribeRows(const Request& request, const Session& session);
  Refusal WithDropped(Refusal refusal) const;
  // Those on messages (server_messages.cc). Safe on any thread that runs the session's requests.
  Reply PostMessage(Session& session, const Request& request);
  Reply ClearMessages(const Session& session, const Request& request);
  Reply Announce(const Session& session, const Request& request);
  bool IsAdminKey(const std::string& key) const;
  tl::expected<void, Refusal> CheckAdminKey(const Session& session, const Request& request) const;

  // Events (server_events.cc).
  // kBusy: too many of the session's wait.
  tl::expected<std::uint64_t, Refusal> PostEvent(const std::shared_ptr<Session>& session,
                                                 const Event& event, DeliveryMode mode,
                                                 Outbox::Callback callback = {});
  void PostToAll(const Event& event, DeliveryMode mode);
  void StartTelling(const std::shared_ptr<Session>& session);
  void TellStopping();
  void DeliverEvents();
  Deadline NextEventTurn() const;
  void TellExpiring();  // those who are about to

  // The handler, if there is one (server_handler.cc).
  void TellStarting();
  void TellConnect(const std::shared_ptr<Session>& session);
  void TellDisconnect(const std::shared_ptr<Session>& session);
  void TellMessage(const std::shared_ptr<Session>& session, const Request& request);
  void TellShutdown();
  void Tick();  // when it is time
  Deadline NextTick() const;
  // For its sessions: ends one when it is answered.
  void EndSession(const std::shared_ptr<Session>& session);
  void EndSessions();  // those that are
  static SessionStats StatsOf(const Session& session);

  // What workers have to tell; from any thread.
  void GiveNotice(Notice notice);
  void TakeNotices();
  void TakeFinished();
  void Finish(Finished finished);
  void ServeWaiting();
  void ReleaseEnvironment(Session& session);
  void ExpireSessions();
  void Close(const std::vector<std::shared_ptr<Session>>& closed, const char* event = "closed");
  Deadline NextTurn() const;

  const ServerSettings settings_;
  Catalogue& catalogue_;
  SnapshotStore snapshots_;
  MessageBoard board_;
  AttachContext attach_context_;
  std::unique_ptr<zmq::context_t> own_context_;
  std::unique_ptr<AccessLog> access_log_;  // null: none is wanted
  std::unique_ptr<Admission> admission_;   // null: everybody may talk
  zmq::socket_t router_;
  std::unique_ptr<ConnectionWatch> connection_watch_;
  std::vector<std::string> endpoints_;
  HelloReply hello_;  // what is the same for all sessions

  SessionTable sessions_;
  std::vector<std::shared_ptr<Session>> ready_;  // with work waiting and none running
  ShortWait short_wait_;
  bool has_worked_ = false;          // in this turn
  std::uint64_t latest_ = 0;         // number of the session whose work was dispatched last ..
  std::uint64_t num_in_a_row_ = 0;   // .. and how often it was since that of another
  int running_ = 0;                  // sessions that are with workers
  std::vector<Waiting> waiting_;     // in the order in which they came
  std::uint64_t num_returns_ = 0;    // of games, as of the latest look at who waits
  Deadline next_look_at_waiting_{};  // however few have come back
  std::vector<std::shared_ptr<Session>> telling_;  // with events pending
  bool has_told_stopping_ = false;
  std::vector<std::shared_ptr<Session>> ending_;  // by us, and answered
  Deadline next_expiry_check_;
  Deadline ticked_at_;
  std::atomic<std::int64_t> tick_interval_ns_;
  Deadline watched_until_;  // rows show themselves to those who ask until then
  const Deadline started_at_;
  Traffic traffic_;                       // of all sessions, and of those who have none
  Deadline stop_deadline_ = kNoDeadline;  // once stopping

  EventFd wakeup_;  // by workers and Stop, of the socket's thread
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reopening_{false};  // the access log
  std::mutex finished_mutex_;
  std::vector<Finished> finished_;
  std::vector<Notice> notices_;  // under finished_mutex_
  std::atomic<std::uint64_t> num_messages_{0}, num_malformed_{0}, num_inline_{0}, num_sessions_{0};
  std::atomic<std::uint64_t> num_barred_{0};
  std::atomic<int> num_dropped_{0}, num_dropped_rows_{0};  // as of the latest look for silent ones
  std::atomic<std::uint64_t> num_steps_{0};                // of rows

  // Last, so that their threads end before what they use goes.
  Workers step_workers_;     // simulated rows: never wait
  Workers patient_workers_;  // games behind buffers, and whatever may take long
};

}  // namespace hotlap::transport
