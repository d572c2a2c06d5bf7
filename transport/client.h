// The C++ client: a session on a server, and its rows as a LearnerEnvironment.
//
//   auto remote = RemoteVectorEnvironment::Connect({.endpoint = "tcp://127.0.0.1:5555"},
//                                                  DeadlineIn(2s));
//   if (!remote) ...                          // remote.error() has a status and a text
//   (*remote)->Attach({.environment = "default", .rows = 8, .tracks = {"hairpins"}},
//   DeadlineIn(30s)); auto batch = (*remote)->Reset({}, DeadlineIn(10s));
//
// A request whose reply does not come is sent again with the same id until the deadline; the server
// never runs it twice. A thread with a socket of its own keeps the session alive while the learner
// computes.
//
// When the server answers nothing for the session's timeout, a call says kServerLost, or, with
// ConnectOptions::reconnect, tries new connections until its deadline and goes on with the session
// as if nothing had been. A server that does not know the session (any more) is kInvalidKey.
//
// A learner that may be killed keeps its key and last_id() beside its own state. Its successor goes
// on with the session and makes the calls after last_id() again, as they were: those that were run
// are not run again.
//
//   auto remote = RemoteVectorEnvironment::Connect(
//       {.endpoint = "tcp://127.0.0.1:5555", .key = key, .last_id = last_id,
//        .reconnect = BackoffSettings{}}, DeadlineIn(60s));
//   (*remote)->Step(...);  // the rows are as they were
//
// Steps in flight: while the learner chooses the actions of one half of its rows, the server steps
// the other.
//
//   remote->SendStep(half[0], ...); remote->SendStep(half[1], ...);
//   for (int i = 0;; i = 1 - i) {
//     auto batch = remote->ReceiveStep(DeadlineIn(10s));  // of half[i]
//     remote->SendStep(half[i], ActionsFor(*batch), DeadlineIn(10s));
//   }
//
// Beside its rows a server tells about itself and carries messages, with steps in flight or none:
//
//   for (const ListedSession& other : *remote->Sessions(DeadlineIn(1s))) ...
//   remote->PostMessage("hello", DeadlineIn(1s));
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>
#include <zmq.hpp>

#include "transport/backoff.h"
#include "transport/curve_keys.h"
#include "transport/event.h"
#include "transport/handshake_watch.h"
#include "transport/keep_alive.h"
#include "transport/learner_environment.h"
#include "transport/protocol.h"
#include "transport/replies.h"
#include "transport/service_replies.h"
#include "transport/short_wait.h"
#include "transport/states_reply.h"
#include "transport/track_reply.h"

namespace hotlap::transport {

struct ConnectOptions {
  std::string endpoint;
  // After which an unanswered request goes again; left out: what the server tells.
  std::optional<std::chrono::milliseconds> retry_interval{};
  zmq::context_t* context = nullptr;  // shared with the server for inproc://; else one of its own
  // What the learner was made for, checked by the server; an empty name checks nothing.
  std::string environment{};
  std::optional<std::uint64_t> policy_hash{}, task_hash{};
  std::optional<ClientKeys> keys{};  // for a server that asks for them (curve_keys.h)
  std::string nick{};                // for others to see; printable, at most kMaxNickBytes
  std::optional<std::chrono::milliseconds> timeout{};  // of the session, within the server's bounds
  std::chrono::milliseconds keep_alive{100};           // between pings, a tenth of it at most
  // Of the session; left out: one at random. That of a client that is gone goes on with its session
  // when that has rows; one that lives is kAlreadyConnected, or waited for with `reconnect`.
  std::optional<Token> key{};
  // The latest request of that client whose reply is used; calls make those after it again. Left
  // out: the latest that the server has counted. When it is given and there is no such session:
  // kInvalidKey.
  std::optional<std::uint64_t> last_id{};
  // Reach a lost server again, with these waits between attempts; left out: say kServerLost.
  std::optional<BackoffSettings> reconnect{};
  // Hears what the server tells unasked, each event once. Called on the thread that keeps the
  // session alive: it must be quick (meanwhile nothing keeps the session alive), must not throw,
  // and calls nothing of the environment. Empty: nothing is told.
  std::function<void(const Event&)> on_event{};
};

struct AttachOptions {
  std::string environment;
  std::string settings{};  // YAML as in configs/environments, over the environment's own
  int rows = 1;
  std::vector<std::string> tracks;  // row i drives tracks[i % size]
  GameKind kind = GameKind::kAny;
  Autoreset autoreset = Autoreset::kNextStep;
  ObservationType observations = ObservationType::kFloat32;  // as sent; the learner reads floats
  std::vector<std::string> info{};                           // columns; empty: the default ones
  std::chrono::milliseconds wait{0};   // for games that are lent to others; 0: fails at once
  float keep_every_m = 0;              // of the line, states are kept to begin at; 0: none
  Starts starts{};                     // of all rows at first
  std::vector<std::uint64_t> seeds{};  // one per row; empty: row i gets i
};

// One thread at a time. After kTimedOut and kServerLost the request may be in flight all the same:
// Resume waits on for its reply; any other call drops what is in flight and waits for it first, but
// SendStep, which adds to it, ReceiveStep, and the questions, which leave it alone. What was
// dropped is run all the same, and its reply is nobody's.
class RemoteVectorEnvironment : public LearnerEnvironment {
 public:
  // kPermissionDenied when the deadline has passed because the server, or the client for its sake,
  // broke off every handshake: the text says what is wrong with the keys.
  static tl::expected<std::unique_ptr<RemoteVectorEnvironment>, Refusal> Connect(
      const ConnectOptions& options, Deadline deadline);
  // Tells the server that the session ends; does not wait.
  ~RemoteVectorEnvironment() override;

  const HelloReply& hello() const { return hello_; }  // what the server offers
  const Token& key() const { return key_; }
  // The latest request whose reply a call has had.
  std::uint64_t last_id() const;
  // With `settings` as in AttachOptions.
  tl::expected<EnvironmentSpec, Refusal> Spec(const std::string& environment, Deadline deadline,
                                              const std::string& settings = {});
  tl::expected<AttachReply, Refusal> Attach(const AttachOptions& options, Deadline deadline);
  tl::expected<void, Refusal> Detach(Deadline deadline);

  // The questions, which the server answers at once, whatever runs: nothing in flight is waited
  // for, and the latest batch stays valid. After kTimedOut they are forgotten.
  tl::expected<std::chrono::nanoseconds, Refusal> Ping(Deadline deadline);  // the round trip
  // All of them, whatever their number. The server tells long lists in parts, each as of when it is
  // asked for: what changes meanwhile may be in the list or not.
  tl::expected<std::vector<ListedSession>, Refusal> Sessions(Deadline deadline);
  tl::expected<std::vector<ListedInstance>, Refusal> Instances(Deadline deadline);
  // Of these instances, by their numbers, other sessions' too.
  tl::expected<InstanceStates, Refusal> States(std::span<const std::uint64_t> instances,
                                               Deadline deadline);
  // Those that the server still has with a greater number than `since`, oldest first.
  tl::expected<std::vector<LogLine>, Refusal> Logs(std::uint64_t since, LogLevel least,
                                                   Deadline deadline);
  tl::expected<std::vector<PostedMessage>, Refusal> Messages(std::uint64_t since,
                                                             Deadline deadline);
  tl::expected<ServerStats, Refusal> Stats(Deadline deadline);

  // Not questions: each is a request like a Step, and runs once at most.
  tl::expected<TrackGeometry, Refusal> Track(const std::string& name, Deadline deadline);
  tl::expected<void, Refusal> PostMessage(const std::string& text, Deadline deadline);
  tl::expected<void, Refusal> ClearMessages(const std::string& admin_key, Deadline deadline);
  // An event for every session.
  tl::expected<void, Refusal> Announce(const std::string& admin_key, const std::string& text,
                                       Deadline deadline);

  // Zero rows and empty specs before Attach, unless the session had rows already.
  int num_rows() const override { return layout_.shape().rows; }
  const EnvironmentSpec& spec() const override { return spec_; }
  std::span<const InfoColumn> info_columns() const override { return info_columns_; }
  Autoreset autoreset() const override { return autoreset_; }
  tl::expected<ConstBatchView, Refusal> Reset(const ResetRequest& request,
                                              Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Step(const ActionView& actions, Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Step(std::span<const std::int32_t> rows,
                                             const ActionView& actions, Deadline deadline) override;
  tl::expected<void, Refusal> Send(std::span<const std::int32_t> rows, const ActionView& actions,
                                   Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Recv(int count, Deadline deadline) override;
  tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t> mask,
                                                      Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Restore(std::span<const SnapshotId> snapshots,
                                                Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Branch(int row, std::span<const std::uint8_t> mask,
                                               Deadline deadline) override;
  tl::expected<std::vector<std::vector<std::byte>>, Refusal> Export(
      std::span<const SnapshotId> snapshots, Deadline deadline) override;
  tl::expected<std::vector<SnapshotId>, Refusal> Import(
      std::span<const std::vector<std::byte>> states, Deadline deadline) override;
  tl::expected<void, Refusal> Drop(std::span<const SnapshotId> snapshots,
                                   Deadline deadline) override;

  // A step of some rows (none: of all) goes to the server, which runs it when it has run those
  // before; at most hello().window may be in flight (kBusy). Waits only after the server has not
  // taken an earlier request.
  tl::expected<void, Refusal> SendStep(std::span<const std::int32_t> rows,
                                       const ActionView& actions, Deadline deadline);
  // What the oldest step in flight gave; kBadArgument when there is none. After kTimedOut it is
  // still in flight. One that the server has not taken at all (kInvalidKey, kShuttingDown) takes
  // those behind it along.
  tl::expected<ConstBatchView, Refusal> ReceiveStep(Deadline deadline);

  // What the Reset, Step, Recv, Restore or Branch that timed out would have returned: the batch of
  // the oldest request in flight. kBadArgument, and nothing is waited for or lost, when that gives
  // none, or when there is none because the call timed out while it waited for what was in flight
  // before it: it was never sent.
  tl::expected<ConstBatchView, Refusal> Resume(Deadline deadline);
  // The server has forgotten the session: it was away or has not heard of us for too long.
  bool session_is_lost() const { return session_is_lost_ || keep_alive_->session_is_lost(); }

 private:
  using Frames = std::vector<zmq::message_t>;  // header and arrays
  using Arrays = std::array<std::span<const std::byte>, kMaxRequestArrays>;
  struct Received {
    Frames frames;
    std::array<std::vector<std::uint64_t>, 4> aligned;  // of those that were not

    template <typename T>
    std::span<const T> Aligned(std::size_t frame);
  };
  struct InFlight {
    Request request;
    Frames frames;
    int num_copies = 0;              // how often it was sent
    std::vector<std::int32_t> rows;  // of a step of some rows
    bool is_dropped = false;         // its reply is nobody's
    Frames reply;                    // that came while another one was waited for

    bool is_wanted_step() const { return request.operation == Operation::kStep && !is_dropped; }
  };

  explicit RemoteVectorEnvironment(const ConnectOptions& options);
  zmq::context_t& context() const;
  void OpenSocket();  // a new connection; throws zmq::error_t
  // Says hello until it is answered.
  tl::expected<void, Refusal> Open(Deadline deadline);
  Request Hello();
  // Says it once; kTimedOut when it is not answered until then.
  tl::expected<HelloReply, Refusal> Greet(const Request& hello, Deadline until);
  void TakeSession(HelloReply reply);
  // The rows that the session has already.
  tl::expected<void, Refusal> TakeOver(Deadline deadline);
  tl::expected<void, Refusal> TakeRows(const AttachReply& rows, EnvironmentSpec spec);
  // New connections until one is answered; then what is in flight goes again.
  tl::expected<void, Refusal> Reconnect(Deadline deadline);
  bool server_is_lost() const { return keep_alive_ != nullptr && keep_alive_->server_is_lost(); }
  tl::unexpected<Refusal> ServerIsLost(const std::string& reason = {}) const;
  std::chrono::milliseconds retry_interval() const;
  // Sends the session's next request and waits for its reply, which lands in `received_`.
  tl::expected<void, Refusal> Call(Request request, const Arrays& arrays, Deadline deadline);
  // Likewise for a question, beside what is in flight.
  tl::expected<void, Refusal> Ask(Request question, const Arrays& arrays, Deadline deadline);
  // All pages of a list.
  template <typename Item, typename Decode>
  tl::expected<std::vector<Item>, Refusal> AskAll(Operation operation, Decode decode,
                                                  Deadline deadline);
  Arrays StepArrays(std::span<const std::int32_t> rows, const ActionView& actions) const;
  // Drops what is in flight, and waits until nothing that the server still says can be taken for
  // the reply to a new request: for the earlier replies, and for the refusals of all copies of a
  // request whose id is used again.
  tl::expected<void, Refusal> Settle(Deadline deadline);
  tl::expected<void, Refusal> SettleIds(Deadline deadline);  // for the latter
  // Puts a request in flight and sends it.
  InFlight& Post(Request request, const Arrays& arrays);
  InFlight& PostNext(Request request, const Arrays& arrays);  // the session's next
  void SendCopy(InFlight& request);
  // Until the reply to the request in flight at `place`, the oldest or a question at the end, is in
  // received_, and the request in answered_, or the deadline has passed; sends all of them again
  // meanwhile.
  tl::expected<void, Refusal> Await(std::size_t place, Deadline deadline);
  tl::expected<void, Refusal> AwaitOldest(Deadline deadline) { return Await(0, deadline); }
  // What Await does with a reply in received_: to the request at `place`, or to another one.
  tl::expected<void, Refusal> Take(std::size_t place, ReplyStatus reply);
  void Keep(const ReplyStatus& reply);
  bool Receive(Deadline until);
  tl::expected<ConstBatchView, Refusal> Batch();  // in received_
  // Reads the ends of episodes from that frame of the batch; the flags of the view tell whose.
  tl::expected<ConstBatchView, Refusal> AddFinals(const BatchLayout& layout, std::size_t frame,
                                                  ConstBatchView view);
  // The first of the arrays of a reply to save or import.
  tl::expected<std::vector<SnapshotId>, Refusal> Ids(std::size_t num_arrays, std::size_t count);
  std::span<const float> Floats(const BatchShape& shape, BatchArray array,
                                std::span<const std::byte> sent);

  const ConnectOptions options_;
  std::unique_ptr<zmq::context_t> own_context_;
  zmq::socket_t socket_;
  std::optional<HandshakeWatch> handshakes_;  // of the socket
  const std::shared_ptr<SeenEvents> seen_ = std::make_shared<SeenEvents>();
  std::unique_ptr<KeepAlive> keep_alive_;
  bool session_is_lost_ = false;  // said to a hello
  const Token key_;
  HelloReply hello_;
  std::uint64_t last_id_ = 0;  // the latest used; one that was refused uncounted is used again
  std::uint64_t next_uncounted_id_;
  std::deque<InFlight> in_flight_;  // not answered yet, oldest first
  InFlight answered_;               // the latest that was
  ShortWait short_wait_;            // for replies
  bool must_settle_ = false;        // replies with the next id may be those of copies
  Received received_;               // the latest reply
  Received batch_;                  // the latest batch; views point into it
  // Of the latest batch, when it is of some rows. Only the next batch changes them, so that they
  // may be what the next step asks for.
  std::vector<std::int32_t> rows_;
  std::vector<std::int32_t> final_rows_;      // of the latest batch
  std::array<std::vector<float>, 2> floats_;  // of frames of halves: observations, final ones

  EnvironmentSpec spec_;
  std::vector<InfoColumn> info_columns_;
  Autoreset autoreset_ = Autoreset::kNextStep;
  BatchLayout layout_{BatchShape{}};
};

}  // namespace hotlap::transport
