// Factory firmware has no model. In an archive this object is left out as soon as a model.cpp
// defines kModel.
#include "firmware/app/model.hpp"

namespace tinsmith::app {

const Model* const kModel = nullptr;

}  // namespace tinsmith::app
