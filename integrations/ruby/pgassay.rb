# frozen_string_literal: true

# RSpec and minitest for pgassay: `require "pgassay"` in spec_helper.rb or test_helper.rb, behind the framework. Opens a scope on
# pgassay's control socket (docs/control-protocol.md) for each test and tells its setup, call and teardown apart. Does nothing
# where PGASSAY_CONTROL is not set.

require "pathname"
require "socket"
require "uri"

module Pgassay
  # One connection per process (parallel tests fork), one acknowledged line at a time. Threads: one test at a time.
  class Control
    PATIENCE_S = 10 # for a reply; a proxy that says nothing for so long is gone

    def say(command, **fields)
      return if @silent

      greet unless @pid == Process.pid
      exchange(command, fields)
    rescue SystemCallError, IOError => e
      @silent = true
      warn "pgassay: tests from here on are nameless: #{e.message}"
    end

    private

    def greet
      address = ENV.fetch("PGASSAY_CONTROL")
      host, _, port = address.rpartition(":")
      @socket = address.include?("/") ? UNIXSocket.new(address) : TCPSocket.new(host.delete("[]"), Integer(port, 10))
      @pid = Process.pid
      exchange("hello", version: 1, pid: @pid, token: ENV["PGASSAY_CONTROL_TOKEN"])
    end

    def exchange(command, fields)
      @socket.write("#{command} #{URI.encode_www_form(fields.compact)}\n")
      raise IOError, "no answer on the control socket" unless @socket.wait_readable(PATIENCE_S)

      reply = @socket.gets.to_s.chomp
      raise IOError, "#{command} was refused: #{reply}" unless reply.split(" ", 2).first == "ok"
    end
  end

  CONTROL = Control.new

  def self.open(name, file, line)
    CONTROL.say("open", name: name, file: relative(file), line: line, phase: "setup")
  end

  def self.phase(phase) = CONTROL.say("phase", phase: phase)
  def self.close(outcome) = CONTROL.say("close", outcome: outcome)

  def self.relative(file)
    path = Pathname.new(file).expand_path.relative_path_from(Pathname.pwd).to_s
    path.start_with?("..") ? file : path
  end

  module Minitest
    def before_setup
      file, line = method(name).source_location
      Pgassay.open("#{self.class.name}##{name}", file, line)
      super
    end

    def after_setup
      super
      Pgassay.phase("call")
    end

    def before_teardown
      Pgassay.phase("teardown")
      super
    end

    def after_teardown
      super
    ensure
      Pgassay.close(skipped? ? "skipped" : passed? ? "passed" : "failed")
    end
  end

  module RSpec
    private

    def run_before_example
      super
      Pgassay.phase("call")
    end

    def run_after_example
      Pgassay.phase("teardown")
      super
    end
  end

  # By its words, not its number, so that an example put in front renames nothing.
  def self.rspec(example)
    place = example.metadata
    Pgassay.open("#{relative(place[:file_path])}: #{example.full_description}", place[:file_path], place[:line_number])
    example.run
    result = example.example
    Pgassay.close(result.exception ? "failed" : result.pending? || result.skipped? ? "skipped" : "passed")
  end
end

if ENV["PGASSAY_CONTROL"]
  if defined?(RSpec.configure)
    RSpec::Core::Example.prepend(Pgassay::RSpec)
    RSpec.configure { |config| config.around { |example| Pgassay.rspec(example) } }
  end
  Minitest::Test.prepend(Pgassay::Minitest) if defined?(Minitest::Test)
end
