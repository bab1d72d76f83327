// health: what the desk knows of itself.
#include "handlers/requests/answers.hpp"

namespace tinsmith {

Result<Json> answer(const Context& context, const HealthRequest&) {
    return context.health();
}

}  // namespace tinsmith
