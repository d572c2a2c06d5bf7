// How a game fares, for those who look after its server.
#pragma once

#include <string>

namespace hotlap {

enum class GameCondition {
  kRunning,      // its process is there
  kRestarting,   // it has gone, and the next one is started after a pause
  kQuarantined,  // it has gone too often within an hour: it is left alone and lent to nobody
};

struct GameHealth {
  GameCondition condition = GameCondition::kRunning;
  int losses = 0;  // how often a game went: its process ended, or it was of no use and replaced
  int restarts_in_last_hour = 0;
  std::string last_loss;  // why, in one line; empty: there was none
};

inline const char* GameConditionName(GameCondition condition) {
  switch (condition) {
    case GameCondition::kRunning:
      return "running";
    case GameCondition::kRestarting:
      return "restarting";
    case GameCondition::kQuarantined:
      return "quarantined";
  }
  return "";
}

}  // namespace hotlap
