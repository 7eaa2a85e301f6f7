// The JDBC client of the tests: one N+1 as a Spring application's repository would send it, and its fixed form.
//   java -cp postgresql.jar JdbcShop.java bad|good
// The address is that of SPRING_DATASOURCE_URL, as Spring Boot is told it. Parameters are binary and statements get names from their
// fifth execution on: the driver's own habits. Prints what it read, so that direct and through can be compared.
import java.sql.*;
import java.util.*;

public class JdbcShop {
  public static void main(String[] arguments) throws SQLException {
    try (Connection connection = DriverManager.getConnection(System.getenv("SPRING_DATASOURCE_URL"))) {
      connection.setAutoCommit(false);
      List<Integer> customers = customers(connection);
      System.out.println(arguments[0].equals("bad") ? oneByOne(connection, customers) : atOnce(connection, customers));
      connection.commit();
    }
  }

  // Fetched in pieces: one execution of a portal.
  static List<Integer> customers(Connection connection) throws SQLException {
    List<Integer> ids = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement("SELECT id, name FROM customers ORDER BY name")) {
      statement.setFetchSize(7);
      ResultSet rows = statement.executeQuery();
      while (rows.next()) ids.add(rows.getInt(1));
    }
    return ids;
  }

  static long oneByOne(Connection connection, List<Integer> customers) throws SQLException {
    long cents = 0;
    try (PreparedStatement statement = connection.prepareStatement("SELECT id, cents FROM bills WHERE customer_id = ?")) {
      for (int customer : customers) {
        statement.setInt(1, customer);
        cents += sum(statement.executeQuery());
      }
    }
    return cents;
  }

  static long atOnce(Connection connection, List<Integer> customers) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("SELECT id, cents FROM bills WHERE customer_id = ANY (?)")) {
      statement.setArray(1, connection.createArrayOf("int4", customers.toArray()));
      return sum(statement.executeQuery());
    }
  }

  static long sum(ResultSet rows) throws SQLException {
    long cents = 0;
    while (rows.next()) cents += rows.getLong(2);
    return cents;
  }
}
