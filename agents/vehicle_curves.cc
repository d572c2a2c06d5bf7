#include "agents/vehicle_curves.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "agents/svg.h"
#include "env/sim/floating_point_guard.h"
#include "env/sim/scalar_math.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_model.h"

namespace hotlap::agents {
namespace {

constexpr float kKmhPerMps = 3.6f;
constexpr float kPadAtM = 1000;

// A flat road of 25 km, with a turbo pad.
std::shared_ptr<const sim::Track> FlatRoad() {
  sim::TrackSpec spec;
  spec.name = "flat";
  for (int i = 0; i <= 12500; ++i) {
    const float z = 2 * static_cast<float>(i);
    const bool on_pad = z >= kPadAtM && z < kPadAtM + 6;
    spec.line.push_back({.position_m = {0, 10, z},
                         .left = {},
                         .half_width_left_m = 100,
                         .half_width_right_m = 100,
                         .surface = on_pad ? sim::Surface::kTurbo : sim::Surface::kAsphalt});
  }
  return sim::Track::Build(spec);
}

class TestDrive {
 public:
  explicit TestDrive(const sim::VehicleParams& params) : params_(params), road_(FlatRoad()) {}

  // Standing, or dropped at the start, or rolling in the gear of that speed.
  void Begin(float z_m, float kmh, bool dropped) {
    sim::Pose pose = road_->start();
    pose.position_m.z = z_m;
    if (!dropped) pose.position_m.y -= sim::kDropHeightM;
    car_ = sim::CarAt(params_, *road_, pose, dropped);
    car_.body.velocity_mps = {0, 0, kmh / kKmhPerMps};
    while (car_.gear < sim::kNumGears &&
           kmh > params_.gear_end_kmh[static_cast<std::size_t>(car_.gear - 1)]) {
      ++car_.gear;
    }
  }
  void Drive(const Inputs& inputs, int ticks) {
    for (int i = 0; i < ticks; ++i) sim::Advance(params_, *road_, inputs, car_);
  }
  sim::VehicleState& car() { return car_; }
  float kmh() const { return Length(car_.body.velocity_mps) * kKmhPerMps; }

 private:
  const sim::VehicleParams& params_;
  std::shared_ptr<const sim::Track> road_;
  sim::VehicleState car_;
};

constexpr Inputs kThrottle{.accelerate = true};

VehicleCurve Launch(TestDrive& drive) {
  VehicleCurve curve{"Launch: throttle from the start", "s", "km/h", {}, {}, 2};
  drive.Begin(0, 0, true);
  for (int tick = 0; tick <= 300; ++tick) {
    curve.points.push_back({static_cast<float>(tick) * sim::kTickSeconds, drive.kmh()});
    drive.Drive(kThrottle, 1);
  }
  curve.rows = {{0.5f, 0.5f, 28, 28},
                {1, 1, 57, 58},
                {1.5f, 1.5f, 88, 89},
                {2, 2, 101, 103},
                {2.5f, 2.5f, 121, 125}};
  return curve;
}

// Over a tenth of a second of throttle from standing to the top.
void DriveUp(TestDrive& drive, int ticks, VehicleCurve& curve) {
  float before = drive.kmh();
  for (int i = 0; i < ticks; ++i) {
    drive.Drive(kThrottle, 10);
    curve.points.push_back(
        {(before + drive.kmh()) / 2, (drive.kmh() - before) / kKmhPerMps / 0.1f});
    before = drive.kmh();
  }
}

VehicleCurve Acceleration(TestDrive& drive) {
  VehicleCurve curve{"Acceleration: throttle, straight on", "km/h", "m/s\u00b2", {}, {}, 0.1f};
  drive.Begin(1100, 0, false);
  DriveUp(drive, 300, curve);
  curve.rows = {{0, 90, 15.8f, 15.8f},  {100, 120, 9.9f, 10.9f}, {120, 140, 10.9f, 10.9f},
                {170, 200, 8.5f, 9.9f}, {205, 220, 6.5f, 6.5f},  {300, 340, 6.9f, 6.9f},
                {380, 400, 7.1f, 7.1f}, {405, 420, 5.6f, 5.6f},  {440, 480, 5.1f, 5.6f}};
  return curve;
}

VehicleCurve Turbo(TestDrive& drive) {
  VehicleCurve curve{"Turbo pad: throttle, acceleration in all", "km/h", "m/s\u00b2", {}, {}, 0.2f};
  for (int entered = 120; entered <= 520; entered += 20) {
    const auto kmh = static_cast<float>(entered);
    drive.Begin(kPadAtM - 1, kmh, false);
    // At most so long: a pad need not push.
    for (int tick = 0; tick < 100 && drive.car().turbo_ticks_left == 0; ++tick) {
      drive.Drive(kThrottle, 1);
    }
    drive.Drive(kThrottle, 5);
    const float before = drive.kmh();
    drive.Drive(kThrottle, 20);
    curve.points.push_back(
        {(before + drive.kmh()) / 2, (drive.kmh() - before) / kKmhPerMps / 0.2f});
  }
  curve.rows = {{200, 360, 41, 41}, {400, 540, 33, 33}};
  return curve;
}

VehicleCurve FullLock(TestDrive& drive) {
  VehicleCurve curve{"Full lock: throttle, settled", "km/h", "deg/s", {}, {}, 0.2f};
  for (int held = 20; held <= 500; held += 10) {
    const auto kmh = static_cast<float>(held);
    drive.Begin(2000, kmh, false);
    for (int tick = 0; tick < 100; ++tick) {
      drive.Drive({.left = true, .accelerate = true}, 1);
      auto& velocity = drive.car().body.velocity_mps;
      velocity = velocity * (kmh / std::max(drive.kmh(), 1.0f));  // held at its speed
    }
    curve.points.push_back({kmh, drive.car().body.angular_velocity_radps.y * 180 / sim::kPi});
  }
  curve.rows = {{80, 120, 100, 100}, {160, 200, 70, 70}, {280, 300, 47, 47},
                {340, 400, 45, 45},  {400, 420, 30, 39}, {455, 465, 24, 24}};
  return curve;
}

VehicleCurve Coasting(TestDrive& drive) {
  VehicleCurve curve{"Coasting: no input", "km/h", "m/s\u00b2", {}, {}, 0.1f};
  drive.Begin(2000, 300, false);
  float before = drive.kmh();
  for (int i = 0; i < 300 && before > 5; ++i) {  // at most so long: nothing need slow a car
    drive.Drive({}, 10);
    curve.points.push_back(
        {(before + drive.kmh()) / 2, (drive.kmh() - before) / kKmhPerMps / 0.1f});
    before = drive.kmh();
  }
  std::reverse(curve.points.begin(), curve.points.end());
  curve.rows = {{120, 170, -14, -13}};
  return curve;
}

VehicleCurve FreeFall(TestDrive& drive) {
  VehicleCurve curve{"Free fall from 100 km/h", "s", "m/s down", {}, {}, 0.01f};
  drive.Begin(2000, 100, false);
  drive.car().body.position_m.y += 60;
  for (int tick = 0; tick <= 200; ++tick) {
    curve.points.push_back(
        {static_cast<float>(tick) * sim::kTickSeconds, -drive.car().body.velocity_mps.y});
    drive.Drive({}, 1);
  }
  for (const float s : {0.25f, 0.5f, 0.75f, 1.0f}) curve.rows.push_back({s, s, 25 * s, 25 * s});
  return curve;
}

// One curve in a frame of its own.
class Panel {
 public:
  static constexpr float kWidth = 420, kHeight = 260;

  Panel(const VehicleCurve& curve, Pixel corner) : curve_(curve), corner_(corner) {
    const auto include = [this](float x, float y) {
      low_.x = std::min(low_.x, x);
      high_.x = std::max(high_.x, x);
      low_.y = std::min(low_.y, y);
      high_.y = std::max(high_.y, y);
    };
    for (const CurvePoint& p : curve.points) include(p.x, p.y);
    for (const MeasuredRow& row : curve.rows) {
      include(row.x_from, row.low);
      include(row.x_to, row.high);
    }
    if (high_.y > 0) high_.y *= 1.1f;
    if (low_.y < 0) low_.y *= 1.1f;
  }

  void Write(std::ostream& out) const {
    const Pixel frame[] = {At(low_.x, high_.y), At(low_.x, low_.y), At(high_.x, low_.y)};
    WritePath(out, frame, "fill=\"none\" stroke=\"#888\"");
    WriteText(out, {corner_.x + kLeft, corner_.y + 18}, "class=\"title\"", curve_.title);
    for (int i = 0; i <= kTicks; ++i) {
      const float u = static_cast<float>(i) / kTicks;
      const float x = low_.x + (high_.x - low_.x) * u, y = low_.y + (high_.y - low_.y) * u;
      WriteText(out, {At(x, low_.y).x, corner_.y + kHeight - 14}, "text-anchor=\"middle\"",
                Tenth(x) + (i == kTicks ? " " + curve_.x_label : ""));
      WriteText(out, {corner_.x + kLeft - 6, At(low_.x, y).y + 4}, "text-anchor=\"end\"", Tenth(y));
    }
    WriteText(out, {corner_.x + kLeft + 6, corner_.y + 36}, "", curve_.y_label);
    for (const MeasuredRow& row : curve_.rows) WriteRow(out, row);
    std::vector<Pixel> line;
    for (const CurvePoint& p : curve_.points) line.push_back(At(p.x, p.y));
    WritePath(out, line, "fill=\"none\" stroke=\"#1f5fbf\" stroke-width=\"1.5\"");
  }

 private:
  static constexpr float kLeft = 54, kTop = 44, kRight = 30, kBottom = 32;
  static constexpr int kTicks = 5;

  Pixel At(float x, float y) const {
    return {corner_.x + kLeft + (x - low_.x) / (high_.x - low_.x) * (kWidth - kLeft - kRight),
            corner_.y + kTop + (high_.y - y) / (high_.y - low_.y) * (kHeight - kTop - kBottom)};
  }
  // The span that the tests allow, and the measured one in it.
  void WriteRow(std::ostream& out, const MeasuredRow& row) const {
    Pixel a = At(row.x_from, row.high + MarginOf(curve_, row.high));
    Pixel b = At(row.x_to, row.low - MarginOf(curve_, row.low));
    a.x -= 2;
    b.x += 2;
    const Pixel allowed[] = {a, {b.x, a.y}, b, {a.x, b.y}, a};
    WritePath(out, allowed, "fill=\"#f2b33d\" fill-opacity=\"0.35\" stroke=\"none\"");
    const float middle = (row.low + row.high) / 2;
    const Pixel measured[] = {{a.x, At(0, middle).y}, {b.x, At(0, middle).y}};
    WritePath(out, measured, "fill=\"none\" stroke=\"#c43b1d\" stroke-width=\"2\"");
  }

  const VehicleCurve& curve_;
  Pixel corner_;
  Pixel low_, high_;
};

}  // namespace

float MarginOf(const VehicleCurve& curve, float measured) {
  return curve.tolerance * (curve.tolerance < 1 ? std::fabs(measured) : 1);
}

std::vector<VehicleCurve> DriveVehicleCurves(const sim::VehicleParams& params) {
  const sim::FloatingPointGuard guard;
  TestDrive drive(params);
  return {Launch(drive), Acceleration(drive), FullLock(drive),
          Turbo(drive),  Coasting(drive),     FreeFall(drive)};
}

void WriteVehicleCurves(std::ostream& out, const std::vector<VehicleCurve>& curves) {
  constexpr std::size_t kColumns = 2;
  const std::size_t rows = (curves.size() + kColumns - 1) / kColumns;
  const float width = kColumns * Panel::kWidth,
              height = static_cast<float>(rows) * Panel::kHeight + 24;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << Tenth(width) << ' '
      << Tenth(height) << "\" font-family=\"sans-serif\" font-size=\"11\">\n"
      << "<style>.title{font-size:13px;font-weight:bold}</style>\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::size_t column = i % kColumns, row = i / kColumns;
    const Pixel corner{static_cast<float>(column) * Panel::kWidth,
                       static_cast<float>(row) * Panel::kHeight};
    Panel(curves[i], corner).Write(out);
  }
  WriteText(
      out, {16, height - 8}, "fill=\"#444\"",
      "blue: the embedded car; red: measured on the Stadium car; yellow: what the tests allow");
  out << "</svg>\n";
}

}  // namespace hotlap::agents
