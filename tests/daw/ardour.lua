-- Runs inside ardour7-lua: a track with the plugin, all its outputs as ports of JACK.
-- From the environment: SESSION, a folder; NAME, of the plugin; KIND, VST3 or LV2; READY, a file
-- that is written when the ports are there; STOP, a file whose presence ends it; REOPEN, "1" for a
-- session that is there already; RATE; LABEL and VALUE, of a parameter that a new session sets.
local function env(name) return os.getenv(name) or "" end
local function exists(path) local f = io.open(path); if f then f:close() end; return f ~= nil end

local function set(processor, label, value)
  local plugin, which = processor:to_insert():plugin(0), 0
  for i = 0, plugin:parameter_count() - 1 do
    if plugin:parameter_is_control(i) then
      if plugin:parameter_label(i) == label then
        return ARDOUR.LuaAPI.set_processor_param(processor, which, value)
      end
      which = which + 1
    end
  end
  return false
end

-- Nothing is connected but what the test connects. An output that has been at the device, one
-- period late, leaves a delay of a period behind: Ardour compensates for what JACK says of its
-- input, and JACK says what Ardour has told it before.
local config = ARDOUR.config()
config:set_output_auto_connect(ARDOUR.AutoConnectOption.ManualConnect)
config:set_input_auto_connect(ARDOUR.AutoConnectOption.ManualConnect)
config:set_auto_connect_standard_busses(false)
-- Started by the session, once: started before, the client of JACK would be closed and made anew.
AudioEngine:set_backend("JACK", "ardour", "")
if env("REOPEN") == "1" then
  s = load_session(env("SESSION"), "session")
else
  s = create_session(env("SESSION"), "session", tonumber(env("RATE")))
  local tracks = s:new_audio_track(2, 10, nil, 1, "music", ARDOUR.PresentationInfo.max_order,
                                   ARDOUR.TrackMode.Normal, false, false)
  for track in tracks:iter() do
    local plugin = ARDOUR.LuaAPI.new_plugin(s, env("NAME"), ARDOUR.PluginType[env("KIND")], "")
    assert(not plugin:isnil(), "no plugin")
    assert(track:input():add_port("", nil, ARDOUR.DataType("midi")) == 0, "no MIDI")
    assert(track:add_processor_by_index(plugin, 0, nil, true) == 0, "the plugin does not fit")
    track:monitoring_control():set_value(ARDOUR.MonitorChoice.MonitorInput,
                                         PBD.GroupControlDisposition.NoGroup)
    track:panner_shell():set_bypassed(true)
    assert(set(plugin, env("LABEL"), tonumber(env("VALUE"))), "no such parameter")
  end
end
assert(s, "no session")
local file = io.open(env("READY"), "w")
file:write("end\n")
file:close()
while not exists(env("STOP")) do ARDOUR.LuaAPI.usleep(50000) end
s:save_state("")
close_session()
quit()
