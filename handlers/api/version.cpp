#include "handlers/api/version.hpp"

namespace tinsmith {

std::string_view programVersion() {
    return TINSMITH_VERSION;
}

}  // namespace tinsmith
