// Flows over fixed routes, simulated by SimGrid's fluid model; corrections are switched off.
// Reads: links, capacity of each (B/s); routes, links of each; flows as "start route bytes".
// Writes the time each flow ends. Build: g++ -O2 -std=c++17 simgrid_transfers.cpp -lsimgrid
#include <chrono>
#include <cstdio>
#include <fstream>
#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;

int main(int argc, char** argv)
{
  sg4::Engine engine(&argc, argv);
  sg4::Engine::set_config("network/model:CM02");
  sg4::Engine::set_config("network/TCP-gamma:0");
  sg4::Engine::set_config("network/crosstraffic:0");
  sg4::Engine::set_config("network/bandwidth-factor:1");
  sg4::Engine::set_config("network/latency-factor:1");
  sg4::Engine::set_config("network/weight-S:0");
  sg4::Engine::set_config("surf/precision:1e-9");
  sg4::Engine::set_config("maxmin/precision:1e-9");
  std::ifstream in(argv[1]);
  size_t n_links, n_routes, n_flows;
  in >> n_links;
  auto* zone = sg4::create_full_zone("zone");
  std::vector<sg4::Link*> links;
  for (size_t i = 0; i < n_links; i++) {
    double capacity;
    in >> capacity;
    links.push_back(zone->create_link("l" + std::to_string(i), capacity)->set_latency(0.0)->seal());
  }
  in >> n_routes;
  std::vector<sg4::Host*> from, to;
  for (size_t r = 0; r < n_routes; r++) {
    from.push_back(zone->create_host("a" + std::to_string(r), 1e9)->seal());
    to.push_back(zone->create_host("b" + std::to_string(r), 1e9)->seal());
    size_t hops;
    in >> hops;
    std::vector<sg4::LinkInRoute> way;
    for (size_t h = 0; h < hops; h++) {
      size_t link;
      in >> link;
      way.emplace_back(links[link]);
    }
    zone->add_route(from[r]->get_netpoint(), to[r]->get_netpoint(), nullptr, nullptr, way, true);
  }
  zone->seal();
  in >> n_flows;
  std::vector<double> end(n_flows);
  for (size_t f = 0; f < n_flows; f++) {
    double start, bytes;
    size_t route;
    in >> start >> route >> bytes;
    sg4::Actor::create("f" + std::to_string(f), from[route], [f, start, bytes, route, &from, &to, &end]() {
      sg4::this_actor::sleep_until(start);
      sg4::Comm::sendto(from[route], to[route], static_cast<uint64_t>(bytes));
      end[f] = sg4::Engine::get_clock();
    });
  }
  auto began = std::chrono::steady_clock::now();
  engine.run();
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  std::printf("%.17g\n", wall.count());
  for (double time : end)
    std::printf("%.17g\n", time);
  return 0;
}
