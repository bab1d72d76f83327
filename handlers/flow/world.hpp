#pragma once

#include "handlers/flow/artefacts.hpp"
#include "handlers/flow/ports.hpp"
#include "handlers/flow/settings.hpp"

namespace tinsmith {

// Everything a handler can reach.
struct World {
    Journal& journal;
    Broker& broker;
    Clock& clock;
    Workers& workers;
    Llm& llm;
    Signer& signer;
    Artefacts& artefacts;
    const Settings& settings;
};

}  // namespace tinsmith
