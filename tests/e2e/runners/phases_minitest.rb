# N+1 queries in setup, call and teardown: each phase asks its own table.
require "minitest/autorun"
require "pg"
require "pgassay"

class Phases < Minitest::Test
  def ask(table)
    @connection.exec("SELECT id FROM authors ORDER BY id").each do |row|
      @connection.exec_params("SELECT title FROM #{table} WHERE author_id = $1", [row["id"]])
    end
  end

  def setup
    @connection = PG.connect(ENV.fetch("DATABASE_URL"))
    ask("in_setup")
  end

  def teardown
    ask("in_teardown")
    @connection.close
  end

  def test_passes
    ask("in_call")
  end

  def test_fails
    flunk
  end

  def test_skipped
    skip
  end
end
