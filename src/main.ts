/** The entry of the executable: hands the arguments to the command line and ends with its exit code. */
import { dispatch } from "./cli/dispatch.ts";

process.exit(await dispatch(process.argv.slice(2)));
