// MQTT 5 properties of one packet (MQTT 5.0, section 2.2.2) as libmosquitto handles them.
#pragma once

#include <mosquitto.h>

#include <string>

namespace tinsmith::daemon {

// Owns a property list on its way out.
class MqttProperties {
  public:
    MqttProperties() = default;
    MqttProperties(const MqttProperties&) = delete;
    MqttProperties& operator=(const MqttProperties&) = delete;
    ~MqttProperties();

    // Where libmosquitto's mosquitto_property_add_… functions put the list.
    mosquitto_property** place() { return &list_; }
    [[nodiscard]] const mosquitto_property* get() const { return list_; }

  private:
    mosquitto_property* list_ = nullptr;
};

// The first property of that kind; empty where there is none.
[[nodiscard]] std::string readString(const mosquitto_property* properties, int which);
[[nodiscard]] std::string readBinary(const mosquitto_property* properties, int which);

}  // namespace tinsmith::daemon
