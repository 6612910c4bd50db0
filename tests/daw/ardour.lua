-- Runs inside ardour7-lua: a track with the plugin, on JACK or for an export.
-- From the environment: SESSION, a folder; NAME, of the plugin; KIND, VST3 or LV2; RATE; LABEL and
-- VALUE, of a parameter that a new session sets; BACKEND. With JACK also: REOPEN, "1" for a session
-- that is there already; READY, a file that is written when it runs; STOP, a file that ends it.
local function env(name) return os.getenv(name) or "" end
local function exists(path) local f = io.open(path); if f then f:close() end; return f ~= nil end
local CHANNELS, ON_JACK = 10, env("BACKEND") == "JACK"

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

-- The track is played into by MIDI, too, and heard while it stands.
local function monitor(track)
  assert(track:input():add_port("", nil, ARDOUR.DataType("midi")) == 0, "no MIDI")
  track:monitoring_control():set_value(ARDOUR.MonitorChoice.MonitorInput,
                                       PBD.GroupControlDisposition.NoGroup)
end

-- All that the track gives goes through the master bus, which is what an export takes.
local function route(track)
  local master = s:master_out()
  master:panner_shell():set_bypassed(true)
  for _ = 3, CHANNELS do
    assert(master:input():add_port("", nil, ARDOUR.DataType("audio")) == 0, "no port")
  end
  for i = 0, CHANNELS - 1 do
    local bus = master:input():audio(i):name()
    assert(track:output():audio(i):connect(bus) == 0, "no connection")
  end
  assert(master:n_outputs():n_audio() == CHANNELS, "the master has other channels")
end

local function make()
  s = assert(create_session(env("SESSION"), "session", tonumber(env("RATE"))), "no session")
  local tracks = s:new_audio_track(2, CHANNELS, nil, 1, "music", ARDOUR.PresentationInfo.max_order,
                                   ARDOUR.TrackMode.Normal, false, false)
  for track in tracks:iter() do
    local plugin = ARDOUR.LuaAPI.new_plugin(s, env("NAME"), ARDOUR.PluginType[env("KIND")], "")
    assert(not plugin:isnil(), "no plugin")
    if ON_JACK then monitor(track) end
    assert(track:add_processor_by_index(plugin, 0, nil, true) == 0, "the plugin does not fit")
    track:panner_shell():set_bypassed(true)
    if not ON_JACK then route(track) end
    assert(set(plugin, env("LABEL"), tonumber(env("VALUE"))), "no such parameter")
  end
end

-- Nothing is connected but what is asked for. An output that has been at the device, one period
-- late, leaves a delay of a period behind: Ardour compensates for what JACK says of its input, and
-- JACK says what Ardour has told it before.
local config = ARDOUR.config()
config:set_output_auto_connect(ARDOUR.AutoConnectOption.ManualConnect)
config:set_input_auto_connect(ARDOUR.AutoConnectOption.ManualConnect)
config:set_auto_connect_standard_busses(false)
-- Started by the session, once: started before, the client of JACK would be closed and made anew.
AudioEngine:set_backend(env("BACKEND"), "ardour", "")
if env("REOPEN") == "1" then
  s = assert(load_session(env("SESSION"), "session"), "no session")
else
  make()
end
if ON_JACK then
  local file = io.open(env("READY"), "w")
  file:write("end\n")
  file:close()
  while not exists(env("STOP")) do ARDOUR.LuaAPI.usleep(50000) end
else
  -- The state of a VST3 plugin has what was set only when a block has been played since.
  ARDOUR.LuaAPI.usleep(1000000)
end
s:save_state("")
close_session()
quit()
