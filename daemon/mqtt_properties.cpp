#include "daemon/mqtt_properties.hpp"

#include <mqtt_protocol.h>

#include <cstdint>
#include <cstdlib>

namespace tinsmith::daemon {

MqttProperties::~MqttProperties() {
    mosquitto_property_free_all(&list_);
}

std::string readString(const mosquitto_property* properties, int which) {
    char* text = nullptr;
    if (!mosquitto_property_read_string(properties, which, &text, false) || !text) return {};
    std::string copy = text;
    std::free(text);
    return copy;
}

std::string readBinary(const mosquitto_property* properties, int which) {
    void* bytes = nullptr;
    std::uint16_t length = 0;
    if (!mosquitto_property_read_binary(properties, which, &bytes, &length, false)) return {};
    std::string copy(static_cast<const char*>(bytes), length);
    std::free(bytes);
    return copy;
}

}  // namespace tinsmith::daemon
