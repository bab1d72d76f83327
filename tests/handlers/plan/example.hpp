#pragma once

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

inline constexpr WindowShape kVibration{100, 3, 3};

// A plan that uses every block field and layer that fits a window of 100 x 3.
inline Json examplePlan() {
    return Json::parse(R"({"version":1,"reason":"test",
        "features":[{"block":"raw","magnitude":true,"center":false,"decimate":1}],
        "network":[{"layer":"conv1d","filters":16,"kernel":5,"stride":1,"batch_norm":true,"relu":true},
                   {"layer":"max_pool","size":2},
                   {"layer":"conv1d","filters":8,"kernel":4,"stride":2},
                   {"layer":"average_pool","size":2},{"layer":"dropout","rate":0.2},
                   {"layer":"flatten"},{"layer":"dense","units":12,"batch_norm":false,"relu":true}],
        "training":{"epochs":20,"batch_size":32,"learning_rate":0.003,"weight_decay":0.0001,"patience":15,
                    "balance":"weights","augment":{"noise":0.02,"shift":8}},
        "quantization":{"calibration":"min_max","windows":256}})");
}

}  // namespace tinsmith::plan
