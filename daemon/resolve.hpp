#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/loop.hpp"

namespace tinsmith::daemon {

// Looks a host name up without blocking the loop: glibc's resolver thread works, an eventfd brings
// the answer back.
class Resolver {
  public:
    explicit Resolver(Loop& loop) : loop_(loop) {}

    // Calls back later with a numeric address, or with an empty string and what went wrong. A new
    // call forgets the last one; destroying the Resolver forgets it too.
    using Answer = std::function<void(std::string address, std::string error)>;
    void resolve(const std::string& host, Answer answer);

  private:
    struct Lookup;
    Loop& loop_;
    std::shared_ptr<Lookup> current_;
    Source ready_;
};

}  // namespace tinsmith::daemon
