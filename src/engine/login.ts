/** Logging in to registries, as the command line asks for it. */
import { CurruntError } from "../base/error.ts";
import { readStandardInput } from "../sys/small-file.ts";
import type { RegistryAccess } from "./options.ts";
import { canPrompt, promptLine, promptSecret } from "./prompt.ts";

/** What `login` and `logout` are given. */
export interface LoginRequest {
  readonly registry: string;
  readonly access: RegistryAccess;
  readonly signal?: AbortSignal;
  readonly onWarning: (message: string) => void;
}

/** Who is to log in, as far as the command line says. */
export interface LoginAnswers {
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The password is all that comes on standard input. */
  readonly passwordFromInput: boolean;
}

/** Logs in, and asks at the terminal for what is missing. Resolves to where the credentials are kept. */
export async function logIn(request: LoginRequest, answers: LoginAnswers): Promise<string> {
  const login = complete(answers);
  const image = await import("../image/login.ts");
  return await image.logIn(request.registry, login, { ...request.access, ...withoutLogin(request) });
}

/** Logs out; resolves to the registry's name. */
export async function logOut(request: LoginRequest): Promise<string> {
  const image = await import("../image/login.ts");
  return await image.logOut(request.registry, { ...request.access, ...withoutLogin(request) });
}

/** Logs out everywhere; resolves to the registries' names. */
export async function logOutOfAll(request: Omit<LoginRequest, "registry">): Promise<string[]> {
  const image = await import("../image/login.ts");
  return await image.logOutOfAll({ ...request.access, ...withoutLogin(request) });
}

function withoutLogin({ signal, onWarning }: Omit<LoginRequest, "registry">) {
  return { signal, onWarning };
}

function complete({ username, password, passwordFromInput }: LoginAnswers): {
  username: string;
  password: string;
} {
  if (passwordFromInput && username === undefined) {
    throw new CurruntError("invalid", "flag -password-stdin: needs -username as well");
  }
  if (passwordFromInput && password !== undefined) {
    throw new CurruntError("invalid", "-password and -password-stdin were both given");
  }
  const given = passwordFromInput ? readStandardInput().replace(/\r?\n$/, "") : password;
  if ((username === undefined || given === undefined) && !canPrompt()) {
    throw new CurruntError(
      "invalid",
      "log in: there is no terminal to ask for the user name and the password",
      {
        hint: "write: currunt login -username USER -password-stdin REGISTRY < FILE",
      },
    );
  }
  const answer = {
    username: username ?? promptLine("Username: "),
    password: given ?? promptSecret("Password: "),
  };
  if (answer.password === "") throw new CurruntError("invalid", "log in: the password is empty");
  return answer;
}
