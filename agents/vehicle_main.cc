// Program hotlap-vehicle: draws what a car does beside the measured rows of the Stadium car.
#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "agents/vehicle_curves.h"
#include "env/vehicle_config.h"

namespace hotlap::agents {
namespace {

int Main(int argc, char** argv) {
  CLI::App app(
      "Draws a car's launch, acceleration, steering, turbo, coasting and free fall beside the "
      "measured rows");
  std::filesystem::path vehicle, out = "vehicle.svg";
  app.add_option("--vehicle", vehicle, "YAML file of the car; the Stadium car without");
  app.add_option("-o,--out", out, "SVG file to write")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const sim::VehicleParams params =
        vehicle.empty() ? sim::VehicleParams{} : LoadVehicleParams(vehicle);
    std::ofstream file(out);
    WriteVehicleCurves(file, DriveVehicleCurves(params));
    file.close();
    if (!file) throw std::runtime_error(out.string() + ": cannot be written");
    std::cout << "wrote " << out.string() << '\n';
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "hotlap-vehicle: " << e.what() << '\n';
    return 2;
  }
}

}  // namespace
}  // namespace hotlap::agents

int main(int argc, char** argv) { return hotlap::agents::Main(argc, argv); }
